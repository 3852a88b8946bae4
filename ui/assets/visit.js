// Goes to another view, as a click on a link does.
export default function ({ data }) { visit(data.address); }
