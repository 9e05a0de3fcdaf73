// The masks that there are of a scan: results of this session, and labels of the datastore.

const $ = (id) => document.getElementById(id);

/** Offers the masks of a scan to be opened, and to be compared with the one that is open. */
export function offerMasks(scan, comparison) {
  const results = (scan?.jobs ?? []).map(({ id, model }, index) => ({
    name: `Result ${index + 1}: ${model}`, address: `/api/v1/jobs/${id}/voxels/mask`,
  }));
  const labels = (scan?.labels ?? []).map((tag) => ({
    name: `Label “${tag}”`, address: `/api/v1/volumes/${scan.id}/labels/${encodeURIComponent(tag)}/voxels`,
  }));
  const all = [...results, ...labels];
  comparison.offer(all);
  $("masks").replaceChildren(new Option("Choose a mask…", ""), ...all.map(({ name, address }) => new Option(name, address)));
  $("masks-field").hidden = all.length === 0;
}
