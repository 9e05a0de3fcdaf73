// The dialog that finds and opens series of the archive (PACS).

import { api, Refused } from "./api.js";

const $ = (id) => document.getElementById(id);
const given = (id) => $(id).value.trim() || null;
const day = (id) => $(id).value.replaceAll("-", "");

export class Archive {
  /** `open` is called with the chosen series. */
  constructor(open) {
    this.open = open;
    // The number of the last query; results of earlier queries are dropped.
    this.asked = 0;
    $("archive-filters").addEventListener("submit", (event) => {
      event.preventDefault();
      this.find();
    });
    $("archive").addEventListener("close", () => this.clear(""));
  }

  show() { $("archive").showModal(); }

  // Data of patients are removed from the page when the dialog closes.
  clear(note, isBad = false) {
    this.asked++;
    $("archive-list").replaceChildren();
    $("archive-note").textContent = note;
    $("archive-note").classList.toggle("bad", isBad);
  }

  async find() {
    this.clear("Searching the archive…");
    const number = this.asked;
    const range = `${day("archive-from")}-${day("archive-to")}`;
    try {
      const { series, more } = await api.archive({
        patient_id: given("archive-patient"), modality: given("archive-modality"), date: range === "-" ? null : range,
        patient: $("archive-names").checked || null,
      });
      if (number === this.asked) this.list(series, more);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (number === this.asked) this.clear(error.message, true);
    }
  }

  list(series, more) {
    const count = series.length === 1 ? "One series." : `${series.length} series.`;
    this.clear(series.length === 0 ? "No series was found." : more ? `${count} There are more; narrow the search.` : count);
    $("archive-list").replaceChildren(...series.map((one) => {
      const button = document.createElement("button");
      const title = document.createElement("strong");
      title.textContent = one.description || "Series without a description";
      const facts = document.createElement("span");
      facts.textContent = [
        one.modality, one.images == null ? "" : `${one.images} files`, one.patient_name, one.patient_id,
        one.date?.replace(/^(\d{4})(\d{2})(\d{2})$/, "$1-$2-$3"),
      ].filter(Boolean).join(" · ");
      button.type = "button";
      button.append(title, facts);
      button.addEventListener("click", () => {
        $("archive").close();
        this.open(one);
      });
      return button;
    }));
  }
}
