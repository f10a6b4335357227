window.addEventListener("load", () => {
  const page = document.getElementById("redoc");
  Redoc.init(page.dataset.schema, { hideDownloadButton: false, disableSearch: true, nativeScrollbars: true }, page);
});
