"""ONNX files as nested protobuf fields, without the onnx package: enough to read tensors and to add initializers.

A message is a list of (field number, value): an int for varints, 4 or 8 bytes for fixed-width fields, bytes for the
rest. Source of the field numbers: onnx.proto3 of ONNX 1.12.
"""
import numpy as np

DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64, 9: np.bool_,
          10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64}


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def parse(data: bytes) -> list:
    fields, at = [], 0
    while at < len(data):
        key, at = read_varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = read_varint(data, at)
        else:
            size, at = (8, at) if kind == 1 else (4, at) if kind == 5 else read_varint(data, at)
            value, at = data[at:at + size], at + size
        fields.append((key >> 3, value))
    return fields


def field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(value)) + value


def all_of(message: list, number: int) -> list:
    return [value for key, value in message if key == number]


def one_of(message: list, number: int, default=b""):
    values = all_of(message, number)
    return values[-1] if values else default


def signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def repeated_ints(message: list, number: int) -> list[int]:
    """Packed or not."""
    out = []
    for value in all_of(message, number):
        if isinstance(value, int):
            out.append(signed(value))
            continue
        at = 0
        while at < len(value):
            v, at = read_varint(value, at)
            out.append(signed(v))
    return out


def tensor(data: bytes) -> np.ndarray | None:
    """A TensorProto's value; None for types that numpy or this reader does not have (strings, complex)."""
    message = parse(data)
    dtype = DTYPES.get(one_of(message, 2, 0))
    if dtype is None:
        return None
    shape = repeated_ints(message, 1)
    raw = one_of(message, 9)
    packed = {np.float32: 4, np.float64: 10}.get(dtype)
    if raw:
        return np.frombuffer(raw, dtype).reshape(shape)
    if packed:
        return np.frombuffer(b"".join(all_of(message, packed)), dtype).reshape(shape)
    values = repeated_ints(message, 7 if dtype == np.int64 else 11 if dtype in (np.uint32, np.uint64) else 5)
    if dtype == np.float16:
        return np.array(values, np.uint16).view(np.float16).reshape(shape)
    return np.array(values).astype(dtype).reshape(shape)


class Model:
    """What a runner needs of a ModelProto."""

    def __init__(self, data: bytes):
        self.message = parse(data)
        self.graph = parse(one_of(self.message, 7))
        constants = {one_of(parse(t), 8).decode() for t in all_of(self.graph, 5)}
        self.inputs = [name for name in self._names(11) if name not in constants]
        self.outputs = self._names(12)
        self.types = {one_of(parse(v), 1).decode(): self._element_type(v)
                      for v in all_of(self.graph, 11) + all_of(self.graph, 12)}

    def operators(self) -> set[str]:
        """Types of its nodes, those of other domains with their domain."""
        nodes = [parse(node) for node in all_of(self.graph, 1)]
        return {".".join(filter(None, (one_of(n, 7).decode(), one_of(n, 4).decode()))) for n in nodes}

    def _names(self, number: int) -> list[str]:
        return [one_of(parse(value), 1).decode() for value in all_of(self.graph, number)]

    @staticmethod
    def _element_type(value_info: bytes) -> int:
        return one_of(parse(one_of(parse(one_of(parse(value_info), 2)), 1)), 1, 0)

    def with_constants(self, tensors: dict[str, bytes]) -> bytes:
        """The model with these inputs (name: TensorProto bytes) made initializers."""
        graph = b"".join(field(k, v) for k, v in self.graph
                         if k != 11 or one_of(parse(v), 1).decode() not in tensors)
        for name, data in tensors.items():
            body = b"".join(self._again(k, v) for k, v in parse(data) if k != 8)
            graph += field(5, body + field(8, name.encode()))
        rest = b"".join(self._again(k, v) for k, v in self.message if k != 7)
        return rest + field(7, graph)

    @staticmethod
    def _again(key: int, value) -> bytes:
        """A field as it was; fixed-width ones do not occur outside packed lists in what is copied here."""
        return varint(key << 3) + varint(value) if isinstance(value, int) else field(key, value)
