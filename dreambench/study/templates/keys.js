"use strict";
// The page works without this file. It adds the keys A, B and E, and keeps a double click from counting twice.
(() => {
  const form = document.querySelector("form[data-keys]");
  if (!form) return;
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  window.addEventListener("pageshow", () => { sent = false; });

  const note = document.querySelector("[data-keys-note]");
  const toggle = document.querySelector("[data-keys-switch]");
  let on = sessionStorage.getItem("keys") !== "off";
  const show = () => {
    toggle.textContent = on ? "Turn keys off" : "Turn keys on";
    toggle.setAttribute("aria-pressed", String(on));
  };
  toggle.addEventListener("click", () => {
    on = !on;
    sessionStorage.setItem("keys", on ? "on" : "off");
    show();
  });
  note.hidden = false;
  show();

  const seen = () => [...form.querySelectorAll("img")].every((image) => image.complete);
  document.addEventListener("keydown", (event) => {
    // A key that is held down must not answer the next question too, nor one whose images are still loading.
    if (!on || event.repeat || event.ctrlKey || event.altKey || event.metaKey || !seen()) return;
    const button = form.querySelector(`button[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!button) return;
    event.preventDefault();
    form.requestSubmit(button);
  });
})();
