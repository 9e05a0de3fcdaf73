// Corrects a mask with tools on the panes, buttons and keys, and with undo and redo.

import { palette } from "./palette.js";
import { keepLargest } from "./parts.js";
import { fill, grow, paint, shrink } from "./strokes.js";

const $ = (id) => document.getElementById(id);

const TOOLS = { n: "move", b: "brush", e: "erase", g: "fill" };
/** The bit of a pen's eraser in `PointerEvent.buttons`. */
const ERASER = 32;

export class Editor {
  /** `say` is called with a sentence for the user. */
  constructor(view, say) {
    this.view = view;
    this.say = say;
    this.map = null;
    this.tool = "move";
    this.stroke = null;
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.addEventListener("click", () => this.choose(button.dataset.tool));
    }
    $("edit-size").addEventListener("input", () => this.showBrush());
    $("edit-label").addEventListener("change", () => this.showBrush());
    $("edit-limit").addEventListener("change", () => { $("edit-range").hidden = !$("edit-limit").checked; });
    const whole = (id, name, body) => $(id).addEventListener("click", () => this.change(name, body));
    whole("edit-grow", "Grow", () => grow(this.map, this.label, this.range));
    whole("edit-shrink", "Shrink", () => shrink(this.map, this.label));
    whole("edit-largest", "Largest part", () => keepLargest(this.map, this.label));
    $("edit-undo").addEventListener("click", () => this.undo());
    $("edit-redo").addEventListener("click", () => this.redo());
  }

  /** Starts with a mask and the labels that a user may choose. */
  open(map, labels) {
    this.map = map;
    $("edit-label").replaceChildren(...labels.map(({ label, name }) => new Option(name, label)));
    map.addEventListener("history", () => this.showHistory());
    $("editor").hidden = false;
    const [low, high] = this.suggestedRange();
    if ($("edit-low").value === "") Object.assign($("edit-low"), { value: low });
    if ($("edit-high").value === "") Object.assign($("edit-high"), { value: high });
    this.showHistory();
    this.choose("move");
  }

  close() {
    this.map = this.stroke = null;
    this.choose("move");
    $("editor").hidden = true;
    $("edit-low").value = $("edit-high").value = "";
    $("edit-limit").checked = false;
    $("edit-range").hidden = true;
  }

  get label() { return Number($("edit-label").value); }
  get radius() { return Number($("edit-size").value) / 2; }
  get is3D() { return $("edit-3d").checked; }

  /** The range of intensities to paint on; null for all. */
  get range() {
    if (!$("edit-limit").checked) return null;
    const [low, high] = [$("edit-low"), $("edit-high")].map((field) => field.valueAsNumber);
    return [Number.isNaN(low) ? -Infinity : low, Number.isNaN(high) ? Infinity : high];
  }

  // The range of the current window; a range from the label's intensities would need their spread.
  suggestedRange() {
    const { level, width } = this.view;
    return [Math.round(level - width / 2), Math.round(level + width / 2)];
  }

  /** Chooses the label that the tools paint. */
  chooseLabel(label) {
    $("edit-label").value = String(label);
    this.showBrush();
  }

  choose(tool) {
    this.tool = this.map ? tool : "move";
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === this.tool));
    }
    this.view.tool = this.tool === "move" ? null : this;
    this.showBrush();
  }

  showBrush() {
    $("edit-size-value").textContent = `${$("edit-size").value} mm`;
    const isRound = this.tool === "brush" || this.tool === "erase";
    this.view.brush = isRound ? {
      radius: this.radius, colour: this.tool === "erase" ? "#ffffff" : palette.colour(this.label),
    } : null;
    this.view.draw();
  }

  showHistory() {
    const [last, next] = [this.map?.done.at(-1), this.map?.undone.at(-1)];
    $("edit-undo").disabled = !last;
    $("edit-redo").disabled = !next;
    $("edit-undo").title = last ? `Undo: ${last.name}` : "Nothing to undo";
    $("edit-redo").title = next ? `Redo: ${next.name}` : "Nothing to redo";
  }

  // MARK: Changes

  /** Performs a complete change. */
  change(name, body) {
    if (!this.map?.begin(name)) return;
    this.whole(body);
    if (!this.map.end()) this.say("Nothing changed.");
  }

  // Performs a part of the begun change. If it fails, the whole change is reverted.
  whole(body) {
    try {
      body();
    } catch (error) {
      this.stroke = null;
      this.map.cancel();
      throw error;
    }
  }

  undo() {
    const step = this.map?.undo();
    if (step) this.say(`Undone: ${step.name}.`);
  }

  redo() {
    const step = this.map?.redo();
    if (step) this.say(`Done again: ${step.name}.`);
  }

  // MARK: The pointer

  /** Starts a stroke, or fills; returns whether the tool uses the pointer. */
  down(pane, event) {
    if (!this.map || (event.button !== 0 && event.button !== 5)) return false;
    if (this.tool === "fill") {
      this.fillAt(pane, pane.pointAt(event.clientX, event.clientY));
      return true;
    }
    const erases = this.tool === "erase" || (event.buttons & ERASER) !== 0;
    if (!this.map.begin(erases ? "Eraser" : "Brush")) return true;
    this.stroke = { pane, erases, last: pane.placeAt(event.clientX, event.clientY) };
    this.paintTo(this.stroke.last);
    return true;
  }

  move(pane, event) {
    if (!this.stroke) return;
    // A pen reports more positions than there are frames.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length > 0 ? events : [event]) this.paintTo(pane.placeAt(one.clientX, one.clientY));
  }

  up() {
    if (!this.stroke) return;
    this.stroke = null;
    this.map.end();
  }

  paintTo(end) {
    const { pane, erases, last } = this.stroke;
    this.whole(() => paint(this.map, {
      start: last, end, radius: this.radius, axis: this.is3D ? null : pane.plane.through,
      label: erases ? 0 : this.label, from: erases ? this.label : null, range: this.range,
    }));
    this.stroke.last = end;
  }

  fillAt(pane, point) {
    if (!this.map.begin("Fill")) return;
    let isClosed = false;
    this.whole(() => {
      isClosed = fill(this.map, {
        point, axis: this.is3D ? null : pane.plane.through, label: this.label, range: this.range,
      });
    });
    if (isClosed) return void this.map.end();
    this.map.cancel();
    this.say("The area is open: it reaches the edge. Close its outline, or limit the intensities.", true);
  }

  // MARK: Keys

  /** Applies the tool at the crosshair instead of the pointer. */
  useAtCrosshair(pane) {
    const { point } = this.view;
    if (this.tool === "fill") return this.fillAt(pane, point);
    if (!this.map.begin(this.tool === "erase" ? "Eraser" : "Brush")) return;
    this.stroke = { pane, erases: this.tool === "erase", last: point };
    this.paintTo(point);
    this.up();
  }

  /** Handles a key; returns whether the key has a meaning. */
  key(event) {
    if (!this.map) return false;
    if (TOOLS[event.key]) return this.choose(TOOLS[event.key]), true;
    switch (event.key) {
      case "d": $("edit-3d").click(); break;
      case "l": $("edit-limit").click(); break;
      case ",": case ".": {
        $("edit-size").value = Number($("edit-size").value) * (event.key === "." ? 1.25 : 0.8);
        this.showBrush();
        break;
      }
      case " ":
        if (this.tool === "move" || !event.target.matches("canvas")) return false;
        this.useAtCrosshair(this.view.active);
        break;
      default: return false;
    }
    return true;
  }
}
