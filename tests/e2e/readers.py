"""What the transform receives: every kind of picture through both readers of tools/imageworker.py, and the
default transform. Usage: readers.py TOOLS_DIRECTORY. Exit code 77: a module is missing."""
import os
import sys
import tempfile

try:
    import cv2
    import numpy as np
    from PIL import Image
except ImportError as error:
    print("skipped: %s" % error)
    sys.exit(77)

source = open(os.path.join(sys.argv[1], "imageworker.py")).read()
assert source.rstrip().endswith("\nmain()")
worker = {"__name__": "imageworker", "np": np}
exec(compile(source.rstrip()[:-len("main()")], "imageworker.py", "exec"), worker)
failures = []


def check(name, array, wanted, tolerance=0):
    array, wanted = np.asarray(array), np.asarray(wanted)
    good = array.shape == wanted.shape and array.dtype == np.uint8
    if not good or np.abs(array.astype(int) - wanted.astype(int)).max() > tolerance:
        failures.append("%s: %s %s instead of %s" % (name, array.dtype, array.tolist(), wanted.tolist()))


def both(path, color):
    for reader in ("PIL", "OPENCV"):
        yield reader, worker["read_image"](path, {"reader": reader, "color": color})


def refused(path):
    for reader in ("PIL", "OPENCV"):
        try:
            worker["read_image"](path, {"reader": reader, "color": "RGB"})
            failures.append("%s: %s was read" % (reader, path))
        except worker["Unreadable"]:
            pass


with tempfile.TemporaryDirectory() as here:
    def file(name):
        return os.path.join(here, name)

    rgb = np.array([[[250, 10, 20], [0, 200, 30]], [[1, 2, 180], [90, 91, 92]], [[5, 6, 7], [255, 0, 255]]], np.uint8)
    gray = np.array([[0, 90], [180, 255]], np.uint8)
    Image.fromarray(rgb).save(file("rgb.png"))
    for reader, image in both(file("rgb.png"), "RGB"):
        check(reader + " RGB", image, rgb)
        assert isinstance(image, Image.Image if reader == "PIL" else np.ndarray)
        assert reader == "PIL" or image.flags["C_CONTIGUOUS"]
    for reader, image in both(file("rgb.png"), "BGR"):
        check(reader + " BGR", image, rgb[:, :, ::-1])
    luma = np.rint(rgb @ np.array([0.299, 0.587, 0.114]))
    for reader, image in both(file("rgb.png"), "GRAY"):
        check(reader + " GRAY", image, luma, 1)

    Image.fromarray(gray).save(file("gray.png"))
    for reader, image in both(file("gray.png"), "RGB"):
        check(reader + " gray as RGB", image, np.repeat(gray[:, :, None], 3, 2))
    for reader, image in both(file("gray.png"), "GRAY"):
        check(reader + " gray as GRAY", image, gray)

    rgba = np.dstack([rgb, np.full((3, 2), 7, np.uint8)])
    Image.fromarray(rgba).save(file("rgba.png"))
    for reader, image in both(file("rgba.png"), "RGB"):
        check(reader + " alpha dropped", image, rgb)

    cv2.imwrite(file("deep.png"), gray.astype(np.uint16) * 256 + 77)
    for reader, image in both(file("deep.png"), "GRAY"):
        check(reader + " 16-bit grey", image, gray)
    cv2.imwrite(file("deeprgb.png"), rgb[:, :, ::-1].astype(np.uint16) * 256 + 5)
    for reader, image in both(file("deeprgb.png"), "RGB"):
        check(reader + " 16-bit RGB", image, rgb)

    flat = np.zeros((16, 8, 3), np.uint8)
    flat[:8] = (200, 0, 0)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees
    Image.fromarray(flat).save(file("turned.jpg"), quality=95, exif=exif)
    for reader, image in both(file("turned.jpg"), "RGB"):
        check(reader + " EXIF orientation", image, np.rot90(flat, -1), 40)

    frames = [Image.fromarray(np.full((4, 4), v, np.uint8)) for v in (30, 220)]
    frames[0].save(file("two.gif"), save_all=True, append_images=frames[1:])
    frames[0].save(file("two.tiff"), save_all=True, append_images=frames[1:])
    for name in ("two.gif", "two.tiff"):
        for reader, image in both(file(name), "GRAY"):
            check("%s first frame of %s" % (reader, name), image, np.full((4, 4), 30, np.uint8), 3)

    open(file("text.jpg"), "w").write("no picture")
    open(file("empty.png"), "w").close()
    refused(file("text.jpg"))
    refused(file("empty.png"))

    # default transform: sizes, both layouts, the same from both readers, averaging when it shrinks
    noise = np.random.default_rng(1).integers(0, 256, (37, 53, 3), np.uint8)
    Image.fromarray(noise).save(file("noise.png"))
    for size in ((5, 7), (37, 53), (80, 90), (1, 1)):
        results = []
        for layout, shape in (("NCHW", [1, 3, *size]), ("NHWC", [1, *size, 3])):
            config = {"inputs": [{"name": "x", "shape": shape, "dtype": "float32"}], "color": "RGB", "layout": layout}
            transform = worker["default_transform_for"](config)
            for _, image in both(file("noise.png"), "RGB"):
                arrays, warnings = worker["fit"](transform(image), config)
                assert arrays[0].shape == tuple(shape) and arrays[0].dtype == np.float32 and not warnings
                results.append(arrays[0] if layout == "NCHW" else arrays[0].transpose(0, 3, 1, 2))
        for result in results:
            if not np.array_equal(result, results[0]):
                failures.append("default transform %s: readers or layouts differ" % (size,))
        plain = np.asarray(Image.fromarray(noise).resize(size[::-1], Image.BILINEAR), np.float32).transpose(2, 0, 1) / 255
        if np.abs(results[0][0] - plain).max() > 1.6 / 255:
            failures.append("default transform %s is not Pillow's antialiased bilinear" % (size,))

for failure in failures:
    print("FAILED " + failure)
print("readers: %d failures" % len(failures))
sys.exit(1 if failures else 0)
