// Questions that a user answers before something is lost or continued.

const $ = (id) => document.getElementById(id);

// Shows a dialog until it is closed; resolves to its answer, or "" if it was dismissed.
function answerOf(dialog) {
  return new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
    dialog.showModal();
  });
}

/** Asks a yes-or-no question; `yes` is the label of the button. */
export async function ask(question, yes) {
  $("ask-text").textContent = question;
  $("ask-yes").textContent = yes;
  return await answerOf($("ask")) === "yes";
}

/** Asks the user to choose a volume of DICOM files; null if none is chosen. */
export async function askForVolume(volumes) {
  $("volumes").replaceChildren(...volumes.map((volume, index) => {
    const button = document.createElement("button");
    button.value = String(index);
    button.disabled = volume.refusal != null;
    const title = document.createElement("strong");
    title.textContent = volume.description || `Series ${volume.series}`;
    const facts = document.createElement("span");
    facts.textContent = [
      volume.modality, volume.shape.join(" × "), volume.volume > 1 || volume.label ? `volume ${volume.volume ?? ""} ${volume.label ?? ""}` : "",
      volume.refusal ?? "",
    ].filter(Boolean).join(" · ");
    button.append(title, facts);
    return button;
  }));
  const answer = await answerOf($("choose"));
  const chosen = answer === "" ? null : volumes[Number(answer)];
  return chosen && { series: chosen.series, volume: chosen.volume };
}

/** Asks the user to confirm or to change the order of the files of a case; null if the question is dismissed. */
export async function askForOrder(files) {
  const order = [...files];
  const item = (file, index) => {
    const line = document.createElement("li");
    line.textContent = `${index + 1}. ${file.name}`;
    if (index === 0) return line;
    const up = document.createElement("button");
    up.type = "button";
    up.textContent = "Move up";
    up.setAttribute("aria-label", `Move ${file.name} up`);
    up.addEventListener("click", () => {
      [order[index - 1], order[index]] = [order[index], order[index - 1]];
      list();
      ($("channels").children[index - 1].querySelector("button") ?? $("order-yes")).focus();
    });
    line.append(up);
    return line;
  };
  const list = () => $("channels").replaceChildren(...order.map(item));
  list();
  return await answerOf($("order")) === "yes" ? order : null;
}

export const isAsking = () => document.querySelector("dialog[open]") !== null;
