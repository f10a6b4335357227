// ReDoc's footer asks a foreign host for its logo and has no option to leave that out; nobody else is told who reads here.
const foreign = (address) => String(address).startsWith("https://");
const { get, set } = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
const { setAttribute } = Element.prototype;
Object.defineProperty(HTMLImageElement.prototype, "src", {
  get,
  set(address) {
    if (!foreign(address)) set.call(this, address);
  },
});
HTMLImageElement.prototype.setAttribute = function (name, value) {
  if (name !== "src" || !foreign(value)) setAttribute.call(this, name, value);
};

window.addEventListener("load", () => {
  const page = document.getElementById("redoc");
  Redoc.init(page.dataset.schema, { hideDownloadButton: false, disableSearch: true, nativeScrollbars: true }, page);
});
