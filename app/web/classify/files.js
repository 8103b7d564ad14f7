// Pictures as they come from files, the clipboard and the mouse.

const LARGEST = 1600; // pixels; a larger photo is reduced here, which saves the upload

/** The picture itself, or a smaller one when it is larger than any network needs. */
export async function reduced(blob) {
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (!bitmap || Math.max(bitmap.width, bitmap.height) <= LARGEST) return blob;
  const scale = LARGEST / Math.max(bitmap.width, bitmap.height);
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
}

/** Tell `take` of files that are dropped anywhere, pasted, or chosen in `input`. `box` shows where they may be dropped. */
export function receiveFiles({ input, box, take }) {
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  // Anywhere on the page will do: a picture that misses the box would otherwise replace the page.
  addEventListener("dragover", (event) => { event.preventDefault(); box.classList.add("over"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) box.classList.remove("over"); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    box.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => { if (event.clipboardData.files.length) take([...event.clipboardData.files]); });
}
