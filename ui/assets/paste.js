// An image that is pasted, or dropped anywhere, goes the way of the uploader: same limits, same checks.
export default function () {
  const offer = (event, files) => {
    const image = [...(files ?? [])].find((file) => file.type.startsWith("image/") || /\.(heic|heif|avif|jxl|dng|nef|cr[23]|arw|raf|rw2|orf)$/i.test(file.name));
    const input = document.querySelector('[data-testid="stFileUploader"] input[type="file"]');
    if (!image || !input) return;
    event.preventDefault();
    const list = new DataTransfer();
    list.items.add(image);
    input.files = list.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const onPaste = (event) => offer(event, event.clipboardData?.files);
  const onDrop = (event) => { if (!event.target.closest?.('[data-testid="stFileUploader"]')) offer(event, event.dataTransfer?.files); };
  const onOver = (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); };
  document.addEventListener("paste", onPaste);
  document.addEventListener("dragover", onOver);
  document.addEventListener("drop", onDrop);
  return () => {
    document.removeEventListener("paste", onPaste);
    document.removeEventListener("dragover", onOver);
    document.removeEventListener("drop", onDrop);
  };
}
