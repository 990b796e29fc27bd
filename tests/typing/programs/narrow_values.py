"""Keep values of one class; a checker then knows what comes back."""

from decimal import Decimal

from persidict import FileDirDict, LocalDict

prices = FileDirDict("prices", base_class_for_values=Decimal)
prices["apple"] = Decimal("1.20")
print(prices["apple"].quantize(Decimal(1)), prices.get("pear", Decimal(0)) + 1)
texts: LocalDict[str] = LocalDict()
texts["a"] = "b"
print(texts["a"].upper())
