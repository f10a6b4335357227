window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: document.getElementById("swagger").dataset.schema,
    dom_id: "#swagger",
    presets: [SwaggerUIBundle.presets.apis],
    deepLinking: true,
    persistAuthorization: false,
    filter: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
  });
});
