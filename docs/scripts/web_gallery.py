"""Write a web page with the photos in it, as one file."""

from base64 import b64encode
from html import escape
from pathlib import Path

from imgsearch import script


@script
def web_gallery(library, hits, file="gallery.html", width=640):
    pictures = [(hit, library.pictures.thumbnail(hit.photo.id, width)) for hit in hits]
    figures = [
        f'<img alt="{escape(hit.path.stem)}" '
        f'src="data:image/webp;base64,{b64encode(picture).decode()}">'
        for hit, picture in pictures
        if picture is not None
    ]
    Path(file).write_text("<!doctype html><meta charset=utf-8>" + "\n".join(figures), "utf-8")
    print(f"{len(figures)} pictures are in {file}")
