// Now the page can do what it cannot without a script.
for (const id of ["find", "ctl", "all"]) byId(id).hidden = false;
byId("static").classList.add("replaced");
list();
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((names) => (names.open = true)));
open();
document.documentElement.dataset.ready = performance.now().toFixed(0);
