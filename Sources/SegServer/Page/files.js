// Files that a user chooses or drops: a scan in one file, the scans of a case, or the files of a DICOM series.

import { api, Refused } from "./api.js";
import { askForVolume } from "./ask.js";

// Matches the files on a disc or in an export that are not slices. Slices cannot be matched, because they often have no file
// extension.
const OTHERS = /(^|\/)(\.|thumbs\.db$|desktop\.ini$)|\.(txt|xml|html?|css|js|json|csv|pdf|jpe?g|png|gif|bmp|exe|dll|inf|ini|ico|docx?|md|log)$/i;
const ZIP = /\.zip$/i;
const SINGLE = /\.(nii|nii\.gz|nrrd|mha|zip)$/i;

/** The files of a drop, including files in folders. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...transfer.files];
  if (!entries.some((entry) => entry.isDirectory)) return plain;
  const lists = await Promise.all(entries.map(walk));
  return lists.flat();
}

async function walk(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  // A directory reader returns its entries in parts, and an empty part at the end.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(walk))).flat();
}

// The number of a channel at the end of a file name, as in case_0001.nii.gz.
const CHANNEL = /_(\d{4})\.[a-z.]+$/i;

/** The files of a case, sorted if their names end in _0000, _0001, … without a gap; null otherwise. */
function numbered(files) {
  const sorted = files.map((file) => ({ file, number: Number(CHANNEL.exec(file.name)?.[1] ?? NaN) }))
    .sort((a, b) => a.number - b.number);
  return sorted.every(({ number }, index) => number === index) ? sorted.map(({ file }) => file) : null;
}

/**
 * The files to upload as `{ name, files, isUnordered }`, or `{ fault }` if they are not a scan. `isUnordered` is true if the
 * names do not give the order of the channels; the files are then in the order in which they were chosen.
 */
export function asScan(all) {
  const files = all.filter((file) => !OTHERS.test(file.webkitRelativePath || file.name) && file.size > 0);
  const single = files.filter((file) => SINGLE.test(file.name));
  if (files.length === 0) return { fault: "A scan is needed: NIfTI, NRRD, MetaImage, or DICOM as its files, their folder or a ZIP." };
  if (single.length > 0 && files.length > 1) {
    if (single.length < files.length || files.some((file) => ZIP.test(file.name))) {
      return { fault: "One case at a time: its scans as NIfTI, NRRD or MetaImage, one ZIP, or the DICOM files of one folder." };
    }
    if (areOfSeveralCases(files)) {
      return { fault: "The file names number these scans as those of several cases. Choose the scans of one case: CASE_0000, CASE_0001, …" };
    }
    const channels = numbered(files);
    return { name: namesOf(channels ?? files), files: channels ?? files, isUnordered: !channels };
  }
  return { name: files.length === 1 ? files[0].name : `${files.length} DICOM files`, files };
}

/** The names of files in one line. */
export function namesOf(files) { return files.map((file) => file.name).join(", "); }

// The name of a case, of files that are all numbered; null if one has no number.
const caseOf = (file) => (CHANNEL.test(file.name) ? file.name.replace(CHANNEL, "") : null);

/** Whether all files are numbered, but as channels of several cases: `a_0000` and `b_0001`. */
function areOfSeveralCases(files) {
  const cases = files.map(caseOf);
  return !cases.includes(null) && new Set(cases).size > 1;
}

/** Uploads a scan. */
export const send = (files, progress, isWanted) => chosen(
  (choice) => api.upload(files, (share) => progress(share < 1 ? "sending" : "checking", share), choice), isWanted);

/** Lets the server fetch a series from the archive. */
export function fetched(series, progress, isWanted) {
  progress("fetching from the archive", 0);
  return chosen((choice) => api.fetch(series, choice), isWanted);
}

// Opens a scan. If it has several volumes, the user is asked to choose one, unless the scan is no longer wanted.
async function chosen(open, isWanted) {
  try {
    return await open();
  } catch (error) {
    if (!error.volumes || !isWanted()) throw error;
    const choice = await askForVolume(error.volumes);
    if (!choice) throw new Refused(0, "No volume was chosen, so nothing is open.");
    return open(choice);
  }
}
