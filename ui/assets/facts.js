// A list of names and values, inserted as text.
export default function ({ data, parentElement }) {
  const list = parentElement.querySelector("dl");
  list.replaceChildren(...data.flatMap(([name, value]) => {
    const term = document.createElement("dt"), detail = document.createElement("dd");
    term.textContent = name;
    detail.textContent = value;
    return [term, detail];
  }));
}
