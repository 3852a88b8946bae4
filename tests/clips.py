"""Small real videos for tests, made by PyAV."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from typing import cast

import av
from av.video.stream import VideoStream
from PIL import Image

RATE = 10
CODECS = {  # suffix -> codec, and FFmpeg's name for the container
    "mp4": ("libx264", "mp4"),
    "m4v": ("mpeg4", "ipod"),
    "mov": ("mpeg4", "mov"),
    "3gp": ("mpeg4", "3gp"),
    "mkv": ("libx264", "matroska"),
    "webm": ("libvpx-vp9", "webm"),
    "avi": ("mpeg4", "avi"),
    "mts": ("mpeg2video", "mpegts"),
    "mpg": ("mpeg2video", "mpeg"),
    "wmv": ("wmv2", "asf"),
}


def avchd(recorded: bytes, scene: Image.Image) -> bytes:
    """A clip as camcorders write them, .mts. `recorded` are the entries of its "DV pack"."""
    mark = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM"
    pack = mark + bytes([len(recorded) // 5]) + recorded
    message = bytes([6, 5, len(pack)]) + pack + b"\x80"  # unregistered user data
    unit = b"\0\0\0\x01" + re.sub(rb"\0\0(?=[\0-\x03])", b"\0\0\x03", message)
    buffer = BytesIO()
    options = {"mpegts_m2ts_mode": "1"}
    with av.open(buffer, "w", format="mpegts", options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = scene.size
        stream.pix_fmt = "yuv420p"
        frames: list[av.VideoFrame | None] = [av.VideoFrame.from_image(scene) for _ in range(25)]
        for number, frame in enumerate([*frames, None]):
            if frame is not None:
                frame.pts, frame.time_base = number, Fraction(1, 25)
            for packet in stream.encode(frame):
                marked = av.Packet(unit + bytes(packet)) if packet.is_keyframe else packet
                marked.pts, marked.dts = packet.pts, packet.dts
                marked.time_base, marked.stream = packet.time_base, packet.stream
                marked.is_keyframe = packet.is_keyframe
                container.mux(marked)
    return buffer.getvalue()


def video(
    scenes: Sequence[Image.Image],
    seconds: float = 4.0,
    suffix: str = "mp4",
    turn: int = 0,
    key_every: int = 1000,
    tags: dict[str, str] | None = None,
) -> bytes:
    """A video that shows each image for this long, with a key frame every `key_every` frames."""
    codec, form = CODECS[suffix]
    buffer = BytesIO()
    options = {"movflags": "use_metadata_tags"} if form in ("mp4", "mov", "ipod") else {}
    with av.open(buffer, "w", format=form, options=options) as container:
        container.metadata.update(tags or {})
        rate = 25 if codec == "mpeg2video" else RATE
        stream = cast("VideoStream", container.add_stream(codec, rate=rate))
        stream.width, stream.height = scenes[0].size
        stream.pix_fmt = "yuv420p"
        stream.gop_size = key_every
        if codec == "libx264":
            stream.options = {"sc_threshold": "0", "preset": "ultrafast"}
        if turn:
            stream.set_display_rotation(turn)
        for number in range(round(len(scenes) * seconds * rate)):
            image = scenes[min(int(number / rate / seconds), len(scenes) - 1)]
            frame = av.VideoFrame.from_image(image)
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
