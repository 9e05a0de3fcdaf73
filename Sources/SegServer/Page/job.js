// Follows a job on the server to its end.

import { api, Refused, sentence } from "./api.js";
import { say, showProgress } from "./messages.js";

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Requests the state of a job until the job is over, and returns the last state; null if the job is no longer wanted.
 *
 * Throws if the job failed.
 */
export async function follow(started, isWanted) {
  let state = started;
  while (state.state === "queued" || state.state === "running") {
    const place = state.place === 1 ? "1 job before this one" : `${state.place} jobs before this one`;
    showProgress(state.state === "queued" && state.place > 0 ? place : state.stage, state.progress);
    await pause(300);
    state = await untilAnswered(started.id, isWanted);
    if (!isWanted()) return null;
  }
  if (state.state === "failed") throw new Refused(500, sentence(state.error));
  return state;
}

// The state of a job. If the server does not answer, the request is repeated: the server may answer again soon, and continues
// to compute meanwhile.
async function untilAnswered(id, isWanted) {
  for (let tries = 0; ; tries++) {
    try {
      const state = await api.job(id);
      if (tries > 0 && isWanted()) say("");
      return state;
    } catch (error) {
      if (error.status !== 0 || tries === 60 || !isWanted()) throw error;
      say("The server does not answer; asking again.", true);
      await pause(1000);
    }
  }
}
