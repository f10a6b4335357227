// Cards that are moved: dragged to a zone, or sent there with their menu. The server decides; after every answer the
// page shows what it says. A refused card goes back to where it was, with the reason in words.
"use strict";

(() => {
  const page = document.querySelector("[data-planning]");
  if (!page) return;

  const said = page.querySelector("[data-said]");
  const here = () => location.pathname + location.search;
  let dragged = null;
  let busy = false;

  function say(words, failed) {
    said.textContent = words;
    said.hidden = !words;
    said.classList.toggle("is-error", Boolean(failed));
  }

  function wait(now) {
    busy = now;
    page.setAttribute("aria-busy", String(now));
  }

  async function send(card, to) {
    const answer = await fetch(card.dataset.url, {
      method: "POST",
      credentials: "same-origin",
      headers: {
        "Content-Type": "application/json",
        "X-CSRFToken": page.querySelector("[name=csrfmiddlewaretoken]").value,
        "X-Page": here(),
      },
      body: JSON.stringify({ to, version: card.dataset.version }),
    });
    const isJson = (answer.headers.get("Content-Type") || "").includes("json");
    return { status: answer.status, ok: answer.ok && isJson, ...(isJson ? await answer.json() : {}) };
  }

  // What the server shows now, put in the place of what is shown here; the scrolled parts stay where they are.
  async function refresh(focus) {
    const answer = await fetch(here(), { credentials: "same-origin" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-surface]");
    if (!fresh) return location.reload();
    const old = page.querySelector("[data-surface]");
    const scrolled = old.querySelector(".week-scroll, .board");
    const left = scrolled ? scrolled.scrollLeft : 0;
    old.replaceWith(document.adoptNode(fresh));
    const again = fresh.querySelector(".week-scroll, .board");
    if (again) again.scrollLeft = left;
    const card = focus && document.getElementById(focus);
    if (card) (card.querySelector("select, a") || card).focus({ preventScroll: true });
    prepare();
  }

  async function move(card, zone, to) {
    if (busy) return;
    wait(true);
    const from = { parent: card.parentNode, next: card.nextSibling };
    if (zone) zone.append(card);
    card.classList.add("is-moving");
    say(page.dataset.working);
    try {
      const answer = await send(card, to);
      if (answer.form) {
        location.assign(answer.form);
        return;
      }
      if (!answer.ok) put_back(card, from);
      say(answer.message || page.dataset.failed, !answer.ok);
      if (answer.ok || answer.status === 412) await refresh(card.id);
    } catch {
      put_back(card, from);
      say(page.dataset.failed, true);
    } finally {
      card.classList.remove("is-moving");
      wait(false);
    }
  }

  function put_back(card, from) {
    from.parent.insertBefore(card, from.next);
    const menu = card.querySelector("[data-move]");
    if (menu) menu.value = "";
  }

  const zone_at = (target) => {
    const place = target.closest(".column, .day, td, .unplanned");
    return place && place.querySelector("[data-zone]");
  };

  function mark(zone) {
    for (const one of page.querySelectorAll(".is-target")) if (one !== zone) one.classList.remove("is-target");
    if (zone) zone.classList.add("is-target");
  }

  page.addEventListener("dragstart", (event) => {
    dragged = event.target.closest && event.target.closest("[data-card]");
    if (!dragged) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.id);
    dragged.classList.add("is-dragged");
  });

  page.addEventListener("dragover", (event) => {
    const zone = dragged && zone_at(event.target);
    mark(zone);
    if (zone) event.preventDefault();
  });

  page.addEventListener("drop", (event) => {
    const zone = dragged && zone_at(event.target);
    if (!zone) return;
    event.preventDefault();
    if (zone !== dragged.parentNode) move(dragged, zone, zone.dataset.zone);
  });

  page.addEventListener("dragend", () => {
    if (dragged) dragged.classList.remove("is-dragged");
    dragged = null;
    mark(null);
  });

  page.addEventListener("change", (event) => {
    if (event.target.matches("[data-move]") && event.target.value) {
      const card = event.target.closest("[data-card]");
      const zone = page.querySelector(`[data-zone="${CSS.escape(event.target.value)}"]`);
      move(card, zone, event.target.value);
    }
    if (event.target.matches("[data-filters] select")) event.target.form.requestSubmit();
  });

  // The page that plans a job comes back to this one.
  function prepare() {
    for (const link of page.querySelectorAll("a[data-plan]")) {
      link.href = `${link.pathname}?next=${encodeURIComponent(here())}`;
    }
  }

  prepare();
})();
