// The login page, with the reason why a login is required.

const REASONS = {
  failed: "This is not the server's token.",
  wait: "Too many wrong tokens came from your address. Wait a few seconds.",
  ended: "Your login has ended, or the server was restarted. Log in again, and open the scans again.",
};

const [reason] = new URLSearchParams(location.search).keys();
const message = document.getElementById("message");
message.textContent = REASONS[reason] ?? "";
message.classList.toggle("bad", reason !== "ended");
