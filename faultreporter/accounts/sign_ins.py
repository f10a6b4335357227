from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from faultreporter.api.text import UNSTORABLE

Seconds = Annotated[int, Field(ge=0, lt=2**40)]


def storable(value: Any) -> str:
    """Text a person typed into some profile, without what PostgreSQL can't keep. Anything but text is nothing."""
    return UNSTORABLE.sub("", value).strip() if isinstance(value, str) else ""


class SignIn(BaseModel):
    """What a verified ID token says. Times are Unix seconds; at `auth_time` the person proved who they are."""

    model_config = ConfigDict(strict=True, frozen=True, validate_by_name=True)

    uid: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00]+$")]
    auth_time: Seconds
    issued_at: Seconds = Field(alias="iat")
    expires_at: Seconds = Field(alias="exp")
    email: Annotated[str, BeforeValidator(storable)] = ""
    email_verified: bool = False
    name: Annotated[str, BeforeValidator(storable)] = ""
    phone: Annotated[str, BeforeValidator(storable)] = Field(default="", alias="phone_number")
