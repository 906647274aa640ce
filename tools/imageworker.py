"""The Python side of calibration: reads pictures, runs the user's transform, sends arrays back.

axcompile embeds this file and runs it in the user's own interpreter; `channel` is the socket's file
descriptor, given by the bootstrap in src/calib/worker.c. Everything on the channel is a frame, a
4-byte little-endian length and that many bytes:

    ->  configuration, JSON                     <-  {"ready": …} | {"missing": …} | {"error": …}
    ->  8-byte index, path of a picture         <-  {"ok": …} and then the raw bytes of every input,
                                                    {"unreadable": …} | {"error": …}

What the transform prints goes to the descriptors 1 and 2, which are a log, never the channel.
Needs numpy and the chosen reader; torch is used if the transform has imported it, never imported here.
"""
import importlib.machinery
import importlib.util
import json
import os
import random
import sys
import traceback

TEXT_LIMIT = 32000


class Refused(Exception):
    """A result that the model cannot take: message, what was found, what was wanted."""

    def __init__(self, message, found=None, wanted=None, hint=None):
        super().__init__(message)
        self.reply = {"error": message, "found": found, "wanted": wanted, "hint": hint}


class Unreadable(Exception):
    """A file that the reader does not take for a picture."""


# ---- channel ----

def read_exact(n):
    parts = bytearray()
    while len(parts) < n:
        part = os.read(channel, n - len(parts))
        if not part:
            os._exit(0)  # axcompile is done with us, or gone
        parts += part
    return bytes(parts)


def read_frame():
    return read_exact(int.from_bytes(read_exact(4), "little"))


def send(data):
    view = memoryview(data).cast("B")
    while len(view):
        view = view[os.write(channel, view):]


def reply(**message):
    data = json.dumps(message).encode()
    send(len(data).to_bytes(4, "little") + data)


def flush_output():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass


def clean_traceback(error, path):
    """The traceback from the user's file on; without frames of this file."""
    tb = error.__traceback__
    start = tb
    while start and start.tb_frame.f_code.co_filename != path:
        start = start.tb_next
    lines = traceback.format_exception(type(error), error, start if start else tb)
    return "".join(lines)[-TEXT_LIMIT:]


def one_line(error):
    text = " ".join(str(error).split())[:500]
    return "%s: %s" % (type(error).__name__, text) if text else type(error).__name__


# ---- readers: what the transform receives ----

def read_pil(path, color):
    from PIL import Image, ImageOps
    with Image.open(path) as image:
        try:
            image = ImageOps.exif_transpose(image) or image  # loads the first frame
        except Exception:  # an EXIF block that Pillow cannot read: the picture may still be one
            image.load()
        if image.mode.startswith("I;16") or image.mode == "I":
            deep = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
            image = Image.fromarray((deep >> 8).astype(np.uint8))
        if color == "GRAY":
            return image.convert("L")
        image = image.convert("RGB")
        if color == "BGR":
            r, g, b = image.split()
            image = Image.merge("RGB", (b, g, r))
        return image


def read_opencv(path, color):
    import cv2
    array = cv2.imread(path, cv2.IMREAD_GRAYSCALE if color == "GRAY" else cv2.IMREAD_COLOR)
    if array is None:
        with open(path, "rb") as f:
            animated = f.read(4) == b"GIF8"
        if not animated:
            raise ValueError("cv2.imread does not take it for a picture")
        video = cv2.VideoCapture(path)  # older OpenCV reads GIF only so
        ok, array = video.read()
        video.release()
        if not ok:
            raise ValueError("OpenCV does not take it for a picture")
        if color == "GRAY":
            array = cv2.cvtColor(array, cv2.COLOR_BGR2GRAY)
    if color == "RGB":
        array = array[:, :, ::-1]
    return np.ascontiguousarray(array)


def read_image(path, config):
    try:
        if config["reader"] == "PIL":
            return read_pil(path, config["color"])
        return read_opencv(path, config["color"])
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder raises on a broken file
        raise Unreadable(one_line(error)) from error


# ---- the transform used without --transform ----

def resize_axis(x, size, axis):
    """Triangle filter as wide as the reduction, in float32, taps added in order: the same bits
    wherever numpy runs."""
    n = x.shape[axis]
    if n == size:
        return x
    scale = n / size
    support = max(scale, 1.0)
    center = (np.arange(size) + 0.5) * scale
    first = np.maximum(np.floor(center - support + 0.5).astype(int), 0)
    last = np.minimum(np.floor(center + support + 0.5).astype(int), n)
    taps = int((last - first).max())
    index = first[:, None] + np.arange(taps)[None, :]
    weight = 1.0 - np.abs((index + 0.5 - center[:, None]) / support)
    weight = np.where(index < last[:, None], np.maximum(weight, 0.0), 0.0)
    weight = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
    index = np.minimum(index, n - 1)
    shape = [1] * x.ndim
    shape[axis] = size
    out = np.zeros(x.shape[:axis] + (size,) + x.shape[axis + 1:], np.float32)
    for tap in range(taps):
        out += np.take(x, index[:, tap], axis=axis) * weight[:, tap].reshape(shape)
    return out


def default_transform_for(config):
    """Checks that the only input is a picture, and gives a function image -> array."""
    if len(config["inputs"]) != 1:
        raise Refused("the model has %d inputs, and the default transform makes one picture"
                      % len(config["inputs"]),
                      hint="give a transform that returns a tuple: --transform FILE")
    shape = config["inputs"][0]["shape"]
    text = "x".join(map(str, shape))
    channels = 1 if config["color"] == "GRAY" else 3
    nchw = config["layout"] == "NCHW"
    if len(shape) != 4:
        raise Refused("the default transform makes pictures, but the input '%s' has shape %s"
                      % (config["inputs"][0]["name"], text), hint="give --transform FILE")
    if (shape[1] if nchw else shape[3]) != channels:
        other = (shape[3] if nchw else shape[1]) == channels
        gray = channels == 3 and (shape[1] if nchw else shape[3]) == 1
        raise Refused("the input '%s' does not take %s pictures in %s layout"
                      % (config["inputs"][0]["name"], config["color"], config["layout"]), found=text,
                      wanted="Nx%dxHxW" % channels if nchw else "NxHxWx%d" % channels,
                      hint="give --input-data-layout %s" % ("NHWC" if nchw else "NCHW") if other else
                      "give --color-format GRAY" if gray else "give --transform FILE")
    height, width = shape[2:4] if nchw else shape[1:3]

    def transform(image):
        x = np.asarray(image).astype(np.float32)
        x = x[:, :, None] if x.ndim == 2 else x
        x = resize_axis(resize_axis(x, height, 0), width, 1) / np.float32(255)
        return np.ascontiguousarray(x.transpose(2, 0, 1) if nchw else x)
    return transform


# ---- results ----

def to_array(result, wanted):
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(result, torch.Tensor):
        result = result.detach().cpu()
        if result.dtype in (torch.float16, torch.bfloat16):
            result = result.float()
        return result.numpy()
    if isinstance(result, np.ndarray):
        return result
    kind = type(result)
    raise Refused("the transform returned neither a tensor nor an array",
                  found="%s.%s" % (kind.__module__, kind.__qualname__),
                  wanted="a torch tensor or numpy array of shape " + wanted)


def fit_dtype(array, dtype, wanted):
    if array.dtype == dtype:
        return array
    safe = array.dtype in (np.float64, np.uint8, np.float16)
    if dtype.kind in "iu" and array.dtype.kind in "iu":
        safe = array.size == 0 or (array.min() >= np.iinfo(dtype).min and array.max() <= np.iinfo(dtype).max)
    if not safe:
        raise Refused("the transform returned the wrong element type", found=str(array.dtype),
                      wanted="%s of shape %s (float64 and uint8 are converted)" % (dtype, wanted))
    return array.astype(dtype)


def fit_shape(array, shape, warnings):
    """Adds a missing batch axis (repeated to the model's batch), swaps NCHW and NHWC if only that is
    wrong."""
    wanted = "x".join(map(str, shape))
    found = "x".join(map(str, array.shape)) or "scalar"
    if list(array.shape) == shape:
        return array
    batched = array[None] if array.ndim == len(shape) - 1 else array
    for axes, name in ((None, ""), ((0, 3, 1, 2), "NHWC"), ((0, 2, 3, 1), "NCHW")):
        if axes and batched.ndim != 4:
            continue
        x = batched.transpose(axes) if axes else batched
        if x.ndim != len(shape) or not shape or list(x.shape[1:]) != shape[1:]:
            continue
        if x.shape[0] != shape[0]:
            if x.shape[0] != 1:
                continue
            x = np.repeat(x, shape[0], axis=0)
        if axes:
            warnings.append("the transform returns %s (%s) and the model takes %s: axes permuted"
                            % (name, found, wanted))
        return x
    raise Refused("the transform returned the wrong shape", found=found, wanted=wanted)


def fit(result, config):
    inputs = config["inputs"]
    if not isinstance(result, (tuple, list)):
        result = [result]
    if len(result) != len(inputs):
        raise Refused("the transform returned the wrong number of tensors", found=str(len(result)),
                      wanted="%d (%s)" % (len(inputs), ", ".join(i["name"] for i in inputs)[:300]))
    warnings, arrays = [], []
    for item, spec in zip(result, inputs):
        wanted = "x".join(map(str, spec["shape"])) or "scalar"
        array = fit_dtype(to_array(item, wanted), np.dtype(spec["dtype"]), wanted)
        arrays.append(np.ascontiguousarray(fit_shape(array, spec["shape"], warnings)))
    return arrays, warnings


# ---- start ----

def load_transform(config):
    path, name = config["transform"], config["function"]
    sys.path.insert(0, os.path.dirname(path))
    stem = os.path.splitext(os.path.basename(path))[0]
    stem = stem if stem.isidentifier() and stem not in sys.modules else "axcompile_transform"
    loader = importlib.machinery.SourceFileLoader(stem, path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(stem, loader))
    sys.modules[stem] = module
    loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        have = [n for n, f in vars(module).items() if callable(f) and getattr(f, "__module__", "") == stem]
        raise Refused("the transform file has no function '%s'" % name,
                      found=", ".join(have)[:300] or "no function", wanted=name,
                      hint="name the function with --transform FILE:FUNC")
    return function


def missing(error):
    reply(missing=one_line(error), module=(error.name or "").split(".")[0])
    sys.exit(0)


def import_reader(config):
    global np
    import numpy as np
    if config["reader"] == "PIL":
        import PIL.Image
        import PIL.ImageOps
    else:
        import cv2
        cv2.setNumThreads(1)


def start(config):
    try:
        import_reader(config)
        return load_transform(config) if config["transform"] else default_transform_for(config)
    except Refused as error:
        reply(**error.reply)
    except ImportError as error:
        flush_output()
        missing(error)
    except BaseException as error:  # also sys.exit in the user's file
        flush_output()
        reply(error="the transform file cannot be imported: " + one_line(error),
              traceback=clean_traceback(error, config["transform"]))
    sys.exit(0)


def seed_everything(seed, index):
    """A transform with random numbers gives the same array for a picture on whichever worker."""
    mixed = (seed * 1000003 + index) % (1 << 32)
    random.seed(mixed)
    np.random.seed(mixed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(mixed)


def serve_one(transform, config, index, path):
    try:
        image = read_image(path, config)
        seed_everything(config["seed"], index)
        arrays, warnings = fit(transform(image), config)
    except Unreadable as error:
        flush_output()
        return reply(unreadable=str(error))
    except Refused as error:
        flush_output()
        return reply(**error.reply)
    except BaseException as error:
        flush_output()
        module = (error.name or "").split(".")[0] if isinstance(error, ImportError) else None
        return reply(error="the transform failed: " + one_line(error), module=module,
                     traceback=clean_traceback(error, config["transform"]))
    flush_output()
    reply(ok=True, warnings=warnings)
    for array in arrays:
        send(array.reshape(-1))


def main():
    config = json.loads(read_frame())
    config["transform"] = os.fsdecode(bytes.fromhex(config["transform"]))
    transform = start(config)
    flush_output()
    reply(ready="Python %d.%d.%d, numpy %s" % (*sys.version_info[:3], np.__version__))
    while True:
        frame = read_frame()
        serve_one(transform, config, int.from_bytes(frame[:8], "little"), os.fsdecode(frame[8:]))


main()
