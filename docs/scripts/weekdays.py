"""Count photos by weekday, as bars."""

from collections import Counter

from imgsearch import script


@script
def weekdays(library, hits):
    counts = Counter(f"{hit.date:%A}" for hit in hits if hit.date)
    longest = max(counts.values(), default=1)
    for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"):
        print(f"{day:9} {counts[day]:6} {'█' * round(40 * counts[day] / longest)}")
    return counts
