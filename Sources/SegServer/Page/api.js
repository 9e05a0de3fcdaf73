// The server's REST API.

/** An answer that is not a success, with the server's own sentence; status 0 if there was no answer. */
export class Refused extends Error {
  /** `volumes` are the volumes of DICOM files from which the user must choose one. */
  constructor(status, detail, volumes = null) {
    super(detail);
    this.status = status;
    this.volumes = volumes;
  }
}

async function answer(response) {
  if (response.ok) return response;
  if (response.status === 401) throw loggedOut();
  let body = {};
  try { body = await response.json(); } catch { /* No JSON: only the status is known. */ }
  throw refusal(response.status, body);
}

const refusal = (status, body) => new Refused(status, sentence(body.detail) || `The server answered ${status}.`, body.volumes);

// A login ends after some hours, and when the server ends.
function loggedOut() {
  location.assign("/login?ended");
  return new Refused(401, "The login has ended.");
}

function lost() { return new Refused(0, "The server does not answer. It has stopped, or the connection is lost."); }

/** The text as a sentence, with a capital letter and a full stop. */
export function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1).replace(/([^.!?])$/, "$1.") : "";
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw lost();
  }
  return answer(response);
}

// Reads an answer's body; the connection may be lost while it arrives.
async function read(path, how, options) {
  const response = await request(path, options);
  try {
    return await how(response);
  } catch {
    throw lost();
  }
}

// The query string of the values that are given.
const words = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value != null));

// A file with the name from the server, and the server's remarks on it.
const file = (path, options) => read(path, async (response) => ({
  blob: await response.blob(),
  name: /filename="([^"]+)"/.exec(response.headers.get("content-disposition"))?.[1] ?? "mask",
  remarks: decodeURIComponent(response.headers.get("medseg-remarks") ?? ""),
}), options);

const getJSON = (path) => read(path, (response) => response.json());
const postJSON = (path, body) => read(path, (response) => response.json(), {
  method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
});

export const api = {
  models: () => getJSON("/api/v1/models"),
  volumes: () => getJSON("/api/v1/volumes"),
  volume: (id) => getJSON(`/api/v1/volumes/${id}`),
  labels: (id) => getJSON(`/api/v1/volumes/${id}/labels`),
  concerns: (id, model) => getJSON(`/api/v1/volumes/${id}/concerns?model=${encodeURIComponent(model)}`),
  job: (id) => getJSON(`/api/v1/jobs/${id}`),

  submit: (body) => postJSON("/api/v1/jobs", body),

  /** Series of the archive. */
  archive: (query) => getJSON(`/api/v1/dicomweb/series?${words(query)}`),
  /** Lets the server fetch a series from the archive; `choice` selects one of several volumes. */
  fetch: ({ study, series }, choice = {}) => postJSON(`/api/v1/dicomweb/volumes?${words(choice)}`, { study, series }),
  /** Stores a mask in the archive as a DICOM SEG: the mask of a job, or voxels of a scan. */
  storeJob: (id) => postJSON(`/api/v1/jobs/${id}/dicomweb`, {}),
  store: (volume, voxels, { model, method }) => read(
    `/api/v1/volumes/${volume}/dicomweb?${words({ model, method })}`, (response) => response.json(),
    { method: "POST", headers: { "content-type": "application/octet-stream" }, body: voxels }),

  /** Deletes a job or a scan, also while the page is being left. An error is ignored if it no longer exists. */
  async remove(kind, id) {
    try {
      await fetch(`/api/v1/${kind}/${id}`, { method: "DELETE", keepalive: true });
    } catch { /* The server itself deletes data that are not used for some time. */ }
  },

  /** Voxels as a typed array of a known length; the browser decompresses them. */
  async voxels(path, type, count) {
    const buffer = await read(path, (response) => response.arrayBuffer());
    const Kind = { int16: Int16Array, float32: Float32Array, uint8: Uint8Array }[type];
    if (buffer.byteLength !== count * Kind.BYTES_PER_ELEMENT) throw new Refused(0, "The images are incomplete; open the scan again.");
    return new Kind(buffer);
  },

  /** A mask of a scan that the server writes as a file: NIfTI, or a DICOM object. */
  mask: (volume, voxels, { form, model, method }) => file(`/api/v1/volumes/${volume}/mask?${words({ as: form, model, method })}`, {
    method: "POST", headers: { "content-type": "application/octet-stream" }, body: voxels,
  }),
  jobMask: (id, form) => file(`/api/v1/jobs/${id}/mask?as=${form}`),

  /** Saves a mask as a label in the datastore; a tag in use is refused with 409 unless `replace` is true. */
  saveLabel: (volume, tag, voxels, { model, method, replace }) => request(
    `/api/v1/volumes/${volume}/labels/${encodeURIComponent(tag)}?${words({ model, method, replace })}`,
    { method: "PUT", headers: { "content-type": "application/octet-stream" }, body: voxels }),

  /**
   * Sends a scan: one file, the scans of a case, or the files of a DICOM series. `progress` is called with 0 to 1;
   * `choice` selects a volume of DICOM files. XMLHttpRequest is used because fetch does not report the progress of an
   * upload.
   */
  upload(files, progress, choice = {}) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", `/api/v1/volumes?${words(choice)}`);
      request.upload.onprogress = (event) => progress(event.loaded / Math.max(1, event.total));
      request.onerror = () => reject(lost());
      request.onload = () => {
        if (request.status === 401) return reject(loggedOut());
        let body = {};
        try { body = JSON.parse(request.responseText); } catch { /* An answer without JSON is a refusal below. */ }
        if (request.status === 201) return resolve(body);
        reject(refusal(request.status, body));
      };
      if (files.length === 1) {
        request.setRequestHeader("content-type", "application/octet-stream");
        return request.send(files[0]);
      }
      const form = new FormData();
      // File names may identify a patient, and the files are in the order of the channels already; the server would sort
      // names that end in _0000, _0001, … again.
      files.forEach((file, number) => form.append("file", file, String(number + 1)));
      request.send(form);
    });
  },
};
