// The existing masks of a scan: results of this session, and labels of the datastore.

const $ = (id) => document.getElementById(id);

/**
 * Offers the masks of a scan for opening, and for comparison with the open one.
 *
 * Each has a name, an address of its voxels, the name of its model, and either its job or its origin.
 */
export function offerMasks(scan, comparison) {
  const results = (scan?.jobs ?? []).map((job, index) => ({
    name: `Result ${index + 1}: ${job.model.name}`, address: `/api/v1/jobs/${job.state.id}/voxels/mask`, model: job.model.name, job,
  }));
  const labels = (scan?.labels ?? []).map(({ tag, model, method }) => ({
    name: `Label “${tag}”`, address: `/api/v1/volumes/${scan.id}/labels/${encodeURIComponent(tag)}/voxels`, model, method,
  }));
  const all = [...results, ...labels];
  comparison.offer(all);
  $("masks").replaceChildren(new Option("Choose a mask…", ""), ...all.map(({ name, address }) => new Option(name, address)));
  $("masks-field").hidden = all.length === 0;
  return all;
}
