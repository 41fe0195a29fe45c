"""The recogniser that the project trains and ships: names, places, organisations and the like, in English and Spanish.

`training` makes the weights, `model` is the network, `windows` cuts texts to its size, `inference` reads texts with it.
`DATASHEET.md` says what it was trained on and how well it does.
"""
