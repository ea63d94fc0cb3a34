from swiftkit.cli.main import main

main()
