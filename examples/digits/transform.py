"""How an image becomes the example network's input; given to the compiler as --transform."""
import numpy as np


def get_preprocess_transform(image):
    """PIL image, 8 x 8, one channel (--color-format GRAY) -> float32 [1, 8, 8] in 0..1."""
    return np.asarray(image, dtype=np.float32)[None] / 255
