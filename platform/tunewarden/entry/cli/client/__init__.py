"""The command line as a thin client of the API: everything here asks over HTTP and shows what was answered."""
