// Messages of the page to the user.

import { Refused } from "./api.js";

const $ = (id) => document.getElementById(id);

export function say(text, isBad = false) {
  $("message").textContent = text;
  $("message").classList.toggle("bad", isBad);
}

export function fail(error) {
  if (!(error instanceof Refused)) console.error(error);
  say(error instanceof Refused ? error.message : "The page failed; reload it.", true);
}

export function showProgress(stage, share) {
  $("job").hidden = false;
  $("job-stage").textContent = stage;
  $("job-share").textContent = share > 0 ? `${Math.round(share * 100)} %` : "";
  $("job-progress").value = share;
}
