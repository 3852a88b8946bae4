"""Write the places of photos as GeoJSON, which web maps and QGIS read: --json prints it."""

from imgsearch import script


@script
def geojson(library, hits):
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [facts.lon, facts.lat]},
                "properties": {"path": str(hit.path), "date": hit.date and hit.date.isoformat()},
            }
            for hit in hits
            if (facts := hit.photo.facts).lat is not None
        ],
    }
