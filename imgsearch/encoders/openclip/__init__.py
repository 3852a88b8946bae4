"""open_clip's models behind the Encoder protocol: `openclip:ARCH/PRETRAINED`.

Any architecture of open_clip, with any weights it knows, or `random` (`random:SEED`): weights
drawn at random from a seed, for tests and for measuring speed; they find nothing.

The package itself is light: the choice of an encoder looks into `catalogue` and `hub`, which
import neither torch nor numpy. The encoder is in `encoder`.
"""
