// Saves a mask: to a file of the user, or to the datastore.

import { api } from "./api.js";
import { ask } from "./ask.js";

const $ = (id) => document.getElementById(id);

export class Saving {
  /**
   * `say` is called with a sentence for the user, `fail` with errors, and `saved` with a scan and its label that was
   * saved.
   */
  constructor({ say, fail, saved }) {
    this.say = say;
    this.saved = saved;
    this.mask = null;
    /** Whether the server has an archive. */
    this.hasArchive = false;
    for (const [id, form] of [["download-mask", "nifti"], ["download-seg", "dicom-seg"], ["download-labelmap", "dicom-labelmap"], ["download-rtstruct", "rtstruct"]]) {
      $(id).addEventListener("click", () => this.once($(id), () => this.download(form)).catch(fail));
    }
    $("archive-send").addEventListener("click", () => this.once($("archive-send"), () => this.store()).catch(fail));
    $("label-save").addEventListener("click", () => this.once($("label-save"), () => this.saveLabel()).catch(fail));
  }

  /**
   * Starts with a mask of a scan and the job that may have made it: `{ map, scan, model, job, method }`; `method` is a
   * function.
   */
  open(mask) {
    this.mask = mask;
    for (const id of ["download-seg", "download-labelmap", "download-rtstruct"]) $(id).hidden = !mask.scan.facts.dicom;
    $("archive-send").hidden = !this.hasArchive || !mask.scan.facts.dicom;
    $("label-field").hidden = mask.scan.isUpload;
  }

  close() { this.mask = null; }

  // Ignores a button that is pressed again before its action is done.
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
    const method = mask.method();
    // The mask without corrections is the job's own file, byte for byte.
    const isOwn = job && !map.isCorrected;
    const file = isOwn ? await api.jobMask(job.id, form) : await api.mask(scan.id, await packed(map.voxels), { form, model, method });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file.blob);
    link.download = file.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    map.markSaved(last);
    this.say(file.remarks || `Saved as ${file.name}.`);
  }

  async store() {
    const { map, scan, model, job, method: methodOf } = this.mask;
    if (!await ask("Store this mask in the archive as a DICOM SEG, beside the scan?", "Store")) return;
    const { last } = map;
    const method = methodOf();
    const isOwn = job && !map.isCorrected;
    const { remarks } = isOwn ? await api.storeJob(job.id) : await api.store(scan.id, await packed(map.voxels), { model, method });
    map.markSaved(last);
    this.say(["Stored in the archive.", ...remarks].join(" "));
  }

  async saveLabel() {
    const { map, scan, model, method: methodOf } = this.mask;
    const tag = $("label-tag").value.trim() || "final";
    const mayReplace = () => ask(`The datastore has a label “${tag}” of this scan. Replace it?`, "Replace");
    const isThere = scan.labels.some((label) => label.tag === tag);
    if (isThere && !await mayReplace()) return;
    const { last } = map;
    const method = methodOf();
    const bytes = await packed(map.voxels);
    const save = (replace) => api.saveLabel(scan.id, tag, bytes, { model, method, replace });
    try {
      await save(isThere);
    } catch (error) {
      // Another client may have saved a label since the scan was opened.
      if (error.status !== 409 || isThere) throw error;
      if (!await mayReplace()) return;
      await save(true);
    }
    map.markSaved(last);
    this.say(`Saved in the datastore as label “${tag}”.`);
    this.saved(scan, { tag, model: model ?? null, method });
  }
}

/** Bytes as a gzip stream. */
async function packed(bytes) {
  return new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).blob();
}
