"""Print the commands that would rename photos by their date. Read them, then pipe them to sh."""

from shlex import quote

from imgsearch import script


@script
def rename_plan(library, hits):
    for hit in hits:
        if hit.date and hit.dated_by != "file":
            target = hit.path.with_name(f"{hit.date:%Y-%m-%d %H%M%S} {hit.path.name}")
            print(f"mv -n {quote(str(hit.path))} {quote(str(target))}")
