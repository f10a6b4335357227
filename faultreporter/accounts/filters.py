from faultreporter.accounts.models import User
from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet


class UserFilter(FilterSet):
    role = ChoicesFilter(choices=User.Role.choices)
    is_active = BooleanFilter()

    class Meta:
        model = User
        fields = ()
