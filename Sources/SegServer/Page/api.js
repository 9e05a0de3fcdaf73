// The server's REST API.

/** An answer that is no success, with the server's own sentence. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function answer(response) {
  if (response.ok) return response;
  if (response.status === 401) location.assign("/login");
  let detail = `The server answered ${response.status}.`;
  try {
    detail = sentence((await response.json()).detail);
  } catch { /* No JSON: the status must do. */ }
  throw new Refused(response.status, detail);
}

/** A sentence as people write it. */
export function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1).replace(/([^.!?])$/, "$1.") : "";
}

async function getJSON(path) { return (await answer(await fetch(path))).json(); }

export const api = {
  models: () => getJSON("/api/v1/models"),
  volumes: () => getJSON("/api/v1/volumes"),
  volume: (id) => getJSON(`/api/v1/volumes/${id}`),
  concerns: (id, model) => getJSON(`/api/v1/volumes/${id}/concerns?model=${encodeURIComponent(model)}`),
  job: (id) => getJSON(`/api/v1/jobs/${id}`),

  async submit(body) {
    const response = await fetch("/api/v1/jobs", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
    return (await answer(response)).json();
  },

  /** Ends a job or a scan; also while the page is being left. */
  async remove(kind, id) { await fetch(`/api/v1/${kind}/${id}`, { method: "DELETE", keepalive: true }); },

  /** Voxels as a typed array; the browser decompresses. */
  async voxels(path, type) {
    const buffer = await (await answer(await fetch(path))).arrayBuffer();
    return type === "int16" ? new Int16Array(buffer) : type === "float32" ? new Float32Array(buffer) : new Uint8Array(buffer);
  },

  /** Sends a file; `progress` is called with 0 to 1. fetch cannot tell how far an upload is. */
  upload(file, progress) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", "/api/v1/volumes");
      request.setRequestHeader("content-type", "application/octet-stream");
      request.upload.onprogress = (event) => progress(event.loaded / Math.max(1, event.total));
      request.onerror = () => reject(new Refused(0, "The connection was lost."));
      request.onload = () => {
        if (request.status === 401) location.assign("/login");
        let body = {};
        try { body = JSON.parse(request.responseText); } catch { /* An answer without JSON is a refusal below. */ }
        if (request.status === 201) resolve(body);
        else reject(new Refused(request.status, sentence(body.detail) || `The server answered ${request.status}.`));
      };
      request.send(file);
    });
  },
};
