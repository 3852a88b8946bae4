// The button that chooses an image to search by. An image that is pasted, or dropped anywhere, takes
// the same way: through Streamlit's file uploader, with its limits and checks.

const RAW_OR_HEIF = /\.(heic|heif|hif|avif|jxl|dng|nef|nrw|cr[23w]|arw|raf|rw2|orf|pef|srw|x3f|jp2|tiff?)$/i;

export default function (box, { data, setTriggerValue }) {
  const state = (box.state ??= {});
  state.refuse = (name) => setTriggerValue("refused", name);
  box.hidden = !data.isShown;
  if (state.button) return;
  const button = state.button = document.createElement("button");
  button.type = "button";
  button.title = "Search by image: choose one, drop it anywhere, or paste it";
  button.ariaLabel = "Search by image";
  const icon = document.createElement("span");
  icon.className = "icon";
  icon.ariaHidden = "true";
  icon.textContent = "add_photo_alternate";
  button.append(icon);
  box.replaceChildren(button);

  const input = () => document.querySelector('[data-testid="stFileUploader"] input[type="file"]');
  button.onclick = () => input()?.click();
  const upload = (event, files) => {
    const all = [...(files ?? [])];
    if (!all.length || !input()) return;
    event.preventDefault();
    const image = all.find((file) => file.type.startsWith("image/") || RAW_OR_HEIF.test(file.name));
    if (!image) { state.refuse(all[0].name); return; }
    const transfer = new DataTransfer();
    transfer.items.add(image);
    input().files = transfer.files;
    input().dispatchEvent(new Event("change", { bubbles: true }));
  };
  const isHere = () => {
    if (!box.isConnected) for (const [kind, listener] of listeners) document.removeEventListener(kind, listener);
    return box.isConnected;
  };
  const isOverUploader = (event) => event.target.closest?.('[data-testid="stFileUploader"]');
  const listeners = [
    ["paste", (event) => { if (isHere()) upload(event, event.clipboardData?.files); }],
    ["drop", (event) => { if (isHere() && !isOverUploader(event)) upload(event, event.dataTransfer?.files); }],
    ["dragover", (event) => { if (isHere() && event.dataTransfer?.types.includes("Files")) event.preventDefault(); }],
  ];
  for (const [kind, listener] of listeners) document.addEventListener(kind, listener);
}
