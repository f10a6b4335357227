// Work off the queue without the mouse. Every key is the press of a button or a link that is there anyway.
"use strict";

(() => {
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]");

  function press(element) {
    element.click();
    const details = element.closest("details");
    const field = details && details.open && details.querySelector("select, textarea");
    if (field) field.focus();
  }

  function step(by) {
    const lines = [...document.querySelectorAll("[data-line]")];
    const here = lines.indexOf(document.activeElement);
    const next = lines[Math.min(lines.length - 1, Math.max(0, here + by))];
    if (next) next.focus();
    return Boolean(next);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === "Escape" && typing(event.target)) event.target.blur();
    if (typing(event.target)) return;
    const key = event.key.toLowerCase();
    if (key === "j" || key === "k") {
      if (step(key === "j" ? 1 : -1)) event.preventDefault();
      return;
    }
    const element = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!element) return;
    event.preventDefault();
    press(element);
  });
})();
