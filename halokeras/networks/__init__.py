"""The painter, the critic and what they are built of."""

import keras

from halokeras.errors import ModelError

if keras.config.backend() != "tensorflow":  # only where it was imported before halokeras
    raise ModelError(
        f"Keras was imported with the backend {keras.config.backend()} and halopaint's networks "
        "are TensorFlow's; import halokeras first, or set KERAS_BACKEND=tensorflow"
    )
# whatever keras.json says: weights and counts are of single precision, channels come last
keras.config.set_floatx("float32")
keras.config.set_image_data_format("channels_last")
