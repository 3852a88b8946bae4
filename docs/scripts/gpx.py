"""Write the places of photos as a GPX track, which maps and navigation devices read."""

from xml.sax.saxutils import escape

from imgsearch import script


@script
def gpx(library, hits):
    placed = [hit for hit in hits if hit.photo.facts.lat is not None]
    print('<gpx version="1.1" creator="imgsearch" xmlns="http://www.topografix.com/GPX/1/1">')
    for hit in placed:
        print(f'<wpt lat="{hit.photo.facts.lat}" lon="{hit.photo.facts.lon}">')
        print(f"<name>{escape(hit.path.name)}</name></wpt>")
    print("</gpx>")
