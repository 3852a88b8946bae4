// Passes an image that is pasted, or dropped anywhere, to the file uploader, with its limits and checks.
export default function () {
  const upload = (event, files) => {
    const image = [...(files ?? [])].find((file) => file.type.startsWith("image/") || /\.(heic|heif|avif|jxl|dng|nef|cr[23]|arw|raf|rw2|orf)$/i.test(file.name));
    const input = document.querySelector('[data-testid="stFileUploader"] input[type="file"]');
    if (!image || !input) return;
    event.preventDefault();
    const transfer = new DataTransfer();
    transfer.items.add(image);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const onPaste = (event) => upload(event, event.clipboardData?.files);
  const onDrop = (event) => { if (!event.target.closest?.('[data-testid="stFileUploader"]')) upload(event, event.dataTransfer?.files); };
  const onDragOver = (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); };
  document.addEventListener("paste", onPaste);
  document.addEventListener("dragover", onDragOver);
  document.addEventListener("drop", onDrop);
  return () => {
    document.removeEventListener("paste", onPaste);
    document.removeEventListener("dragover", onDragOver);
    document.removeEventListener("drop", onDrop);
  };
}
