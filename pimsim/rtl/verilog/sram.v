// A buffer: DEPTH words of WIDTH bits.  Replace this module by macros of your technology; its contract is
//   * synchronous write; synchronous read whose data are held until the next read;
//   * PORTS 2: one read and one write port, a read in the cycle of a write to the same word has the old data;
//   * PORTS 1: one access per cycle, a write wins over a read, which then does not happen;
//   * ASYNCHRONOUS 1 (2 ports): data follow the read address in the same cycle.
// FILE holds the initial words for $readmemh, address 0 first; without a file they are 0.  Macros that cannot be
// initialized: weights and codes have to be written before the first start; all others hold what they have to behind one
// step with last high, whose results are to be dropped.
`default_nettype none
module pimsim_sram #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter ADDRESS = 1,
    parameter PORTS = 2,
    parameter ASYNCHRONOUS = 0,
    parameter FILE = ""
) (
    input  wire               clk,
    input  wire               read_enable,
    input  wire [ADDRESS-1:0] read_address,
    output wire [WIDTH-1:0]   read_data,
    input  wire               write_enable,
    input  wire [ADDRESS-1:0] write_address,
    input  wire [WIDTH-1:0]   write_data
);
    reg [WIDTH-1:0] words [0:DEPTH-1];
    integer address;

    initial begin
        for (address = 0; address < DEPTH; address = address + 1)
            words[address] = {WIDTH{1'b0}};
        if (FILE != "")
            $readmemh(FILE, words);
    end

    always @(posedge clk)
        if (write_enable)
            words[write_address] <= write_data;

    generate
        if (ASYNCHRONOUS != 0) begin : asynchronous
            assign read_data = words[read_address];
        end else begin : synchronous
            wire reads = read_enable && (PORTS != 1 || !write_enable);
            reg [WIDTH-1:0] held = {WIDTH{1'b0}};
            always @(posedge clk)
                if (reads)
                    held <= words[read_address];
            assign read_data = held;
        end
    endgenerate
endmodule

// A crossbar's array: ROWS x COLUMNS cells, each a digit of CELL_BITS bits.  Replace it by an array with its converters'
// inputs; this is its ideal behaviour, not its circuit:
//   * in a cycle with settle, a pulse's last, every column takes the sum over its rows of the slice on the word line
//     times the digit, of CHARGE_BITS, for its charge, which holds until the next settle;
//   * in a cycle with write, the row write_row takes write_digits.
// Row 0 and column 0 are in the lowest bits.  FILE as above.
module pimsim_array #(
    parameter ROWS = 2,
    parameter COLUMNS = 2,
    parameter CELL_BITS = 1,
    parameter DAC_BITS = 1,
    parameter CHARGE_BITS = 2,
    parameter ADDRESS = 1,
    parameter FILE = ""
) (
    input  wire                           clk,
    input  wire                           settle,
    input  wire [ROWS*DAC_BITS-1:0]       lines,
    output wire [COLUMNS*CHARGE_BITS-1:0] charge,
    input  wire                           write,
    input  wire [ADDRESS-1:0]             write_row,
    input  wire [COLUMNS*CELL_BITS-1:0]   write_digits
);
    reg [COLUMNS*CELL_BITS-1:0] cells [0:ROWS-1];
    reg [COLUMNS*CELL_BITS-1:0] digits;
    reg [CHARGE_BITS-1:0] slice;
    reg [COLUMNS*CHARGE_BITS-1:0] sums, held = {COLUMNS*CHARGE_BITS{1'b0}};
    integer row, column;

    assign charge = held;

    initial begin
        for (row = 0; row < ROWS; row = row + 1)
            cells[row] = {COLUMNS*CELL_BITS{1'b0}};
        if (FILE != "")
            $readmemh(FILE, cells);
    end

    always @(posedge clk) begin
        if (write)
            cells[write_row] <= write_digits;
        if (settle) begin
            sums = {COLUMNS*CHARGE_BITS{1'b0}};
            for (row = 0; row < ROWS; row = row + 1) begin
                slice = lines[row*DAC_BITS +: DAC_BITS];
                digits = cells[row];
                if (slice != 0)
                    for (column = 0; column < COLUMNS; column = column + 1)
                        sums[column*CHARGE_BITS +: CHARGE_BITS] = sums[column*CHARGE_BITS +: CHARGE_BITS]
                            + slice * digits[column*CELL_BITS +: CELL_BITS];
            end
            held <= sums;
        end
    end
endmodule
`default_nettype wire
