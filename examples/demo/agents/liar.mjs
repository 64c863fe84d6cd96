console.log("All done, tests pass!");
