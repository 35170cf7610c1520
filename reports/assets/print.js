"use strict";
// Whoever prints the matrix wants all of it.
addEventListener("beforeprint", () => document.querySelectorAll(".source").forEach((source) => { source.open = true; }));
