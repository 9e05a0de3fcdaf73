// Series of the archive (PACS): found by what they are, and opened.

import { api, Refused } from "./api.js";

const $ = (id) => document.getElementById(id);
const given = (id) => $(id).value.trim() || null;
const day = (id) => $(id).value.replaceAll("-", "");

export class Archive {
  /** `open` is called with the series that is chosen. */
  constructor(open) {
    this.open = open;
    // What was asked for last: what comes of another question is dropped.
    this.asked = 0;
    $("archive-filters").addEventListener("submit", (event) => {
      event.preventDefault();
      this.find();
    });
    $("archive").addEventListener("close", () => this.clear(""));
  }

  show() { $("archive").showModal(); }

  // Nothing of patients stays on the page behind the dialog.
  clear(note, isBad = false) {
    this.asked++;
    $("archive-list").replaceChildren();
    $("archive-note").textContent = note;
    $("archive-note").classList.toggle("bad", isBad);
  }

  async find() {
    this.clear("Asking the archive…");
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
    this.clear(series.length === 0 ? "Nothing was found." : more ? `${count} There are more; ask for fewer.` : count);
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
