"""Print one photo at random, for a wallpaper: another one each day."""

import random
from datetime import date

from imgsearch import script


@script
def surprise(library, hits):
    if hits:
        print(random.Random(date.today().toordinal()).choice(hits).path)
