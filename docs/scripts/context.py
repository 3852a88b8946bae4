"""Print what is known of photos as text, for the prompt of a language model on this machine."""

from imgsearch import script


@script
def context(library, hits):
    for hit in hits:
        facts = hit.photo.facts
        day = f"{hit.date:%d %B %Y}" if hit.date else None
        known = (day, facts.town, facts.country, facts.title, facts.description)
        print(f"[{hit.photo.id}] {hit.path.name}: {', '.join(filter(None, known))}")
