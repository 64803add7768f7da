"""Verilog of a layer, files for its memories, a test bench that checks itself, and what synthesis makes of it."""
