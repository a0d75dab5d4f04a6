"""The rules of buf.validate, as protovalidate declares them."""

from protovalidate._gen.buf.validate.validate_pb import *
