// Takes a mask to where it is kept: a file of the user's, or the datastore.

import { api } from "./api.js";
import { ask } from "./ask.js";

const $ = (id) => document.getElementById(id);

export class Saving {
  /** `say` is called with a sentence for the user, `fail` with what goes wrong, `saved` once a label is in the datastore. */
  constructor({ say, fail, saved }) {
    this.say = say;
    this.saved = saved;
    this.mask = null;
    for (const [id, form] of [["download-mask", "nifti"], ["download-seg", "dicom-seg"], ["download-labelmap", "dicom-labelmap"], ["download-rtstruct", "rtstruct"]]) {
      $(id).addEventListener("click", () => this.once($(id), () => this.download(form)).catch(fail));
    }
    $("label-save").addEventListener("click", () => this.once($("label-save"), () => this.saveLabel()).catch(fail));
  }

  /** Starts with a mask of a scan, which a job may have made of it: `{ map, scan, model, job }`. */
  open(mask) {
    this.mask = mask;
    for (const id of ["download-seg", "download-labelmap", "download-rtstruct"]) $(id).hidden = !mask.scan.facts.dicom;
    $("label-field").hidden = mask.scan.isUpload;
  }

  close() { this.mask = null; }

  // A button that is pressed again before it is done does nothing.
  async once(button, body) {
    if (button.disabled) return;
    button.disabled = true;
    try {
      await body();
    } finally {
      button.disabled = false;
    }
  }

  async download(form) {
    const { mask } = this;
    const { map, scan, model, job } = mask;
    const { last } = map;
    // What was not corrected is the job's own file, byte for byte.
    const isOwn = job && map.done.length === 0;
    const file = isOwn ? await api.jobMask(job.id, form) : await api.mask(scan.id, await packed(map.voxels), form, model);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file.blob);
    link.download = file.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    map.markSaved(last);
    this.say(file.remarks || `Saved as ${file.name}.`);
  }

  async saveLabel() {
    const { map, scan, model } = this.mask;
    const tag = $("label-tag").value.trim() || "final";
    const isThere = scan.labels.includes(tag);
    if (isThere && !await ask(`The datastore has a label “${tag}” of this scan. Replace it?`, "Replace")) return;
    const { last } = map;
    await api.saveLabel(scan.id, tag, await packed(map.voxels), model);
    map.markSaved(last);
    this.say(`Saved in the datastore as label “${tag}”.`);
    this.saved(tag);
  }
}

/** Bytes as a gzip stream. */
async function packed(bytes) {
  return new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).blob();
}
