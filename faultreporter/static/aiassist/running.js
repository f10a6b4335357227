// While the assistant works, its page shows how far it is; when it is done, the page is loaded anew, once.
"use strict";

(() => {
  const shown = () => document.querySelector("[data-running]");
  if (!shown()) return;

  async function look() {
    let fresh = null;
    try {
      const answer = await fetch(location.pathname + location.search, { credentials: "same-origin" });
      if (answer.ok) fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    } catch {
      // the server doesn't answer just now: it is asked again
    }
    if (fresh) {
      const course = fresh.querySelector("[data-running]");
      if (!course) return location.reload();
      shown().replaceWith(document.adoptNode(course));
    }
    setTimeout(look, Number(shown().dataset.every));
  }

  setTimeout(look, Number(shown().dataset.every));
})();
